"""What pages, reports and sensors ask of lake, landing and registry; they read, and write nothing."""
