"""From reviews to decisions: days of the lake by Spark, texts and files in this process."""
