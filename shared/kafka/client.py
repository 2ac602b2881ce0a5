"""The client library's names that the pipeline works with, so that only this package imports the library."""

from aiokafka import AIOKafkaConsumer as Consumer
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener as RebalanceListener
from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker as Broker
from faststream.kafka.subscriber.usecase import BatchSubscriber as Subscriber

__all__ = ["Broker", "Consumer", "ConsumerRecord", "KafkaError", "RebalanceListener", "Subscriber", "TopicPartition"]
