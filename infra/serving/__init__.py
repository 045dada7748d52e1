"""What the deployments of every profile share: the records, the course of a change, the routes, a release's server."""
