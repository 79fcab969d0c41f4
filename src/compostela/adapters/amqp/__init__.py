"""AMQP 0-9-1, spoken with aio-pika, which is an extra (`distributed`) and is imported at the first message."""
