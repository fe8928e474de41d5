"""Training runs, model versions and aliases in MLflow. The only package that speaks to it."""
