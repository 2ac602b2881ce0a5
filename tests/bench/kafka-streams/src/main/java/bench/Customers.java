package bench;

import com.fasterxml.jackson.annotation.JsonFormat;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.datatype.jsr310.JavaTimeModule;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigDecimal;
import java.time.Instant;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Deserializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.Serializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * Counts every interaction of a customer once and publishes the customer, exactly once, in the usual way: a store of
 * what was seen, an aggregate, a changelog for each. Environment: KAFKA_BOOTSTRAP, BENCH_TOPIC, BENCH_GROUP,
 * BENCH_OUTPUT, BENCH_STATE (a directory), BENCH_THREADS. Ends with SIGTERM.
 */
public final class Customers {
    private static final String SEEN = "seen";
    private static final ObjectMapper JSON = new ObjectMapper()
            .registerModule(new JavaTimeModule())
            .enable(DeserializationFeature.USE_BIG_DECIMAL_FOR_FLOATS)
            .disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
            .disable(SerializationFeature.WRITE_DATES_AS_TIMESTAMPS);

    private Customers() {}

    /** The part of `data` that counts. */
    @JsonIgnoreProperties(ignoreUnknown = true)
    record Purchase(BigDecimal amount) {}

    /** The part of an interaction that counts. */
    record Event(String source, String id, Instant time, Purchase data) {}

    /** One output record: the whole current state of a customer. */
    record Customer(
            String reference,
            long interactions,
            @JsonFormat(shape = JsonFormat.Shape.STRING) BigDecimal spend,
            @JsonProperty("last_at") Instant lastAt) {
        static final Customer NOBODY = new Customer("", 0, BigDecimal.ZERO, Instant.EPOCH);

        Customer after(String reference, Event event) {
            Instant last = event.time().isAfter(lastAt) ? event.time() : lastAt;
            return new Customer(reference, interactions + 1, spend.add(event.data().amount()), last);
        }
    }

    /** Lets an interaction through that this customer did not have before. */
    static final class Once extends ContextualFixedKeyProcessor<String, Event, Event> {
        private KeyValueStore<String, byte[]> seen;

        @Override
        public void init(FixedKeyProcessorContext<String, Event> context) {
            super.init(context);
            seen = context.getStateStore(SEEN);
        }

        @Override
        public void process(FixedKeyRecord<String, Event> record) {
            Event event = record.value();
            String identity = record.key() + '\n' + event.source() + '\n' + event.id();
            if (seen.putIfAbsent(identity, new byte[0]) == null) {
                context().forward(record);
            }
        }
    }

    private static <T> Serde<T> json(Class<T> type) {
        Serializer<T> write = (topic, value) -> {
            try {
                return value == null ? null : JSON.writeValueAsBytes(value);
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        };
        Deserializer<T> read = (topic, bytes) -> {
            try {
                return bytes == null ? null : JSON.readValue(bytes, type);
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        };
        return Serdes.serdeFrom(write, read);
    }

    public static void main(String[] arguments) throws InterruptedException {
        Map<String, String> given = System.getenv();
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, given.get("BENCH_GROUP"));
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, given.get("KAFKA_BOOTSTRAP"));
        settings.put(StreamsConfig.STATE_DIR_CONFIG, given.get("BENCH_STATE"));
        settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, given.get("BENCH_THREADS"));
        settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
        settings.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");

        StreamsBuilder builder = new StreamsBuilder();
        builder.addStateStore(Stores.keyValueStoreBuilder(
                Stores.persistentKeyValueStore(SEEN), Serdes.String(), Serdes.ByteArray()));
        builder.stream(given.get("BENCH_TOPIC"), Consumed.with(Serdes.String(), json(Event.class)))
                .processValues(Once::new, SEEN)
                .groupByKey(Grouped.with(Serdes.String(), json(Event.class)))
                .aggregate(
                        () -> Customer.NOBODY,
                        (reference, event, customer) -> customer.after(reference, event),
                        Materialized.with(Serdes.String(), json(Customer.class)))
                .toStream()
                .to(given.get("BENCH_OUTPUT"), Produced.with(Serdes.String(), json(Customer.class)));

        KafkaStreams streams = new KafkaStreams(builder.build(), settings);
        CountDownLatch ended = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            streams.close();
            ended.countDown();
        }));
        streams.start();
        ended.await();
    }
}
