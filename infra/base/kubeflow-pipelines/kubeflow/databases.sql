-- Read once, while a new database is prepared. The image has made `mlpipeline` and its user by then.
CREATE DATABASE metadb;
GRANT ALL PRIVILEGES ON metadb.* TO 'pipelines'@'%';
