# syntax=docker/dockerfile:1
# One image for every role: Airflow's four processes, the MLflow server, Spark's master and workers. The driver and the
# executors of a Spark job must run the same Python and the same packages, which one image makes true by itself.
FROM apache/airflow:3.3.2-python3.11

SHELL ["/bin/bash", "-o", "pipefail", "-c"]

USER 0
# Spark 4 needs Java 17 or 21; the base image stands on Debian 12, which carries 17. The health checks call curl.
# The folders are made here so that named volumes mounted on them belong to the user airflow and not to root.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends curl=7.88.* openjdk-17-jre-headless=17.* \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner=airflow --group=root --mode=0775 /opt/airflow/auth /opt/airflow/var

# The user airflow of the base image, by number, so that Kubernetes can see that it is not root.
USER 50000
WORKDIR /opt/airflow

# The pin of torch means the CUDA build on x86-64. For the CPU build, 2 GB smaller, give this build argument the index
# of CPU wheels that PyTorch's installation page names; pip reads it from the environment.
ARG PIP_EXTRA_INDEX_URL=""
COPY --chown=airflow:root requirements.txt ./
RUN pip install --no-cache-dir --requirement requirements.txt \
    && python -c "import deltalake, mlflow, onnxruntime, pyspark, torch, transformers" \
    && spark-submit --version

# PYTHONPATH and no copy elsewhere: the tasks, the DAG files and Spark's workers all import this one folder.
# TOKENIZERS_PARALLELISM holds no token, whatever its name suggests to the linter.
# hadolint ignore=DL3064
ENV PYTHONPATH=/opt/airflow/include:/opt/airflow/benchmarks \
    PYSPARK_PYTHON=python \
    TOKENIZERS_PARALLELISM=false \
    SENTIMENT_HOME=/opt/airflow/var \
    AIRFLOW__CORE__LOAD_EXAMPLES=False
COPY --chown=airflow:root pyproject.toml ./
COPY --chown=airflow:root plugins plugins
COPY --chown=airflow:root dags dags
COPY --chown=airflow:root benchmarks benchmarks
COPY --chown=airflow:root include include
# The command `sentiment`, of the folder as it lies here. Spark's drivers start in half the time with their classes kept.
RUN pip install --no-cache-dir --no-deps --editable . \
    && sentiment --version \
    && python -m sentiment_local.spark_classes

# The image holds no checkout: runs, ledgers and commits take the commit from here. Last, so that it spoils no layer.
ARG SENTIMENT_GIT_COMMIT=""
ENV SENTIMENT_GIT_COMMIT=${SENTIMENT_GIT_COMMIT}
