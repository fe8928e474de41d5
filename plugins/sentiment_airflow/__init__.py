"""What the DAG files are built from: operators, a sensor, forms, links and assets."""
