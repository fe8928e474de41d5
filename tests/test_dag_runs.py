"""The five DAGs as Airflow runs them, on generated reviews, with a real spark-submit: a first week in small."""
