"""What is kept, and where: files, the lake's tables, the ledger, MLflow; and the Spark session that reaches them."""
