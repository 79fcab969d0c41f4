"""Hand-out of queue entries by RabbitMQ."""
