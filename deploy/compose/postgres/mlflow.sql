-- PostgreSQL's image runs this once, on an empty volume: MLflow has a database of its own beside drift's
CREATE DATABASE mlflow;
