"""A collection's settings: as a client gives and sees them, and as the engine takes them."""

import copy

import qdrant_edge as engine

from .errors import Mismatch, no_variant, validation_error, wrong_input
from .points import DEFAULT_VECTOR

DISTANCES = {"Cosine": engine.Distance.Cosine, "Euclid": engine.Distance.Euclid, "Dot": engine.Distance.Dot,
             "Manhattan": engine.Distance.Manhattan}
DATATYPES = {"float32": engine.VectorStorageDatatype.Float32, "float16": engine.VectorStorageDatatype.Float16,
             "uint8": engine.VectorStorageDatatype.Uint8}
LARGEST_DIMENSION = 65536

HNSW = {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000, "max_indexing_threads": 0, "on_disk": False}
OPTIMIZER = {"deleted_threshold": 0.2, "vacuum_min_vector_number": 1000, "default_segment_number": 0,
             "max_segment_size": None, "memmap_threshold": None, "indexing_threshold": 10000, "flush_interval_sec": 5,
             "max_optimization_threads": None, "prevent_unoptimized": None}
WAL = {"wal_capacity_mb": 32, "wal_segments_ahead": 0, "wal_retain_closed": 1}
COUNTS = ("shard_number", "replication_factor", "write_consistency_factor")

# The engine takes no collection without any vectors, as the server does: such a one gets a vector nobody can name.
NO_VECTORS = "no vectors"


def without_nulls(value):
    return {name: item for name, item in value.items() if item is not None}


def is_dimension(value):
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_DIMENSION


def is_one_of(value, names):
    return (value is None or isinstance(value, str)) and value in names


def vector_settings(value):
    if (not isinstance(value, dict) or not is_dimension(value.get("size"))
            or not is_one_of(value.get("distance"), DISTANCES)
            or not is_one_of(value.get("datatype"), (None, *DATATYPES))):
        raise no_variant("VectorsConfig")
    return without_nulls(value)


def vectors_settings(value):
    """One vector without a name, or several with names."""
    if value is None:
        return {}
    if isinstance(value, dict) and ("size" in value or "distance" in value):
        return vector_settings(value)
    if not isinstance(value, dict):
        raise no_variant("VectorsConfig")
    return {name: vector_settings(item) for name, item in value.items()}


def sparse_settings(value):
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Mismatch("invalid type: expected a map of sparse vectors")
    result = {}
    for name, item in value.items():
        if not isinstance(item, dict):
            raise Mismatch("invalid type: expected struct SparseVectorParams")
        if not is_one_of(item.get("modifier"), (None, "none", "idf")):
            raise Mismatch(f"unknown variant `{item['modifier']}`, expected `none` or `idf`")
        result[name] = without_nulls(item)
    return result


def mapping(value, name):
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Mismatch(f"invalid type: expected a map as {name}")
    return value


class Settings:
    """As given at creation, and changed since."""

    def __init__(self, values):
        self._values = values
        vectors = values["vectors"]
        self.dense_vectors = {DEFAULT_VECTOR: vectors} if "size" in vectors else vectors
        self.sparse_vectors = values["sparse_vectors"]

    @staticmethod
    def created(body, default_shards):
        values = {"vectors": vectors_settings(body.get("vectors")),
                  "sparse_vectors": sparse_settings(body.get("sparse_vectors")),
                  "shard_number": default_shards, "replication_factor": 1, "write_consistency_factor": 1,
                  "on_disk_payload": body.get("on_disk_payload", True), "hnsw": {**HNSW}, "optimizer": {**OPTIMIZER},
                  "wal": {**WAL, **without_nulls(mapping(body.get("wal_config"), "wal_config"))},
                  "quantization": body.get("quantization_config"), "metadata": body.get("metadata")}
        Settings._change(values, body, body)
        return Settings(values)

    @staticmethod
    def _change(values, body, parameters):
        for name in COUNTS:
            count = parameters.get(name)
            if count is None:
                continue
            if not isinstance(count, int) or isinstance(count, bool):
                raise Mismatch(f"invalid type: expected a nonzero u32 as {name}")
            if count < 1:
                raise validation_error(name, f"value {count} invalid, must be 1 or larger")
            values[name] = count
        values["hnsw"].update(without_nulls(mapping(body.get("hnsw_config"), "hnsw_config")))
        values["optimizer"].update(without_nulls(mapping(body.get("optimizers_config"), "optimizers_config")))

    def changed(self, body):
        values = copy.deepcopy(self._values)
        parameters = mapping(body.get("params"), "params")
        self._change(values, body, {name: parameters.get(name) for name in COUNTS[1:]})
        for kind, known in (("vectors", self.dense_vectors), ("sparse_vectors", self.sparse_vectors)):
            for name in mapping(body.get(kind), kind):
                if name not in known:
                    raise wrong_input(f"Not existing vector name error: {name}")
        if body.get("metadata") is not None:
            values["metadata"] = {**(values["metadata"] or {}), **mapping(body["metadata"], "metadata")}
        return Settings(values)

    def saved(self):
        return self._values

    def dimension(self, name):
        vector = self.dense_vectors.get(name)
        return vector["size"] if vector else None

    @property
    def shards(self):
        return self._values["shard_number"]

    @property
    def replicas(self):
        return self._values["replication_factor"]

    @property
    def indexing_threshold_bytes(self):
        """From which size on vectors get an index."""
        return self._values["optimizer"]["indexing_threshold"] * 1024

    def shown(self):
        """In GET /collections/NAME."""
        values = self._values
        parameters = {"vectors": values["vectors"], **{name: values[name] for name in COUNTS},
                      "on_disk_payload": values["on_disk_payload"]}
        if self.sparse_vectors:
            parameters["sparse_vectors"] = self.sparse_vectors
        result = {"params": parameters, "hnsw_config": values["hnsw"], "optimizer_config": values["optimizer"],
                  "wal_config": values["wal"], "quantization_config": values["quantization"]}
        if values["metadata"] is not None:
            result["metadata"] = values["metadata"]
        return result

    def engine_settings(self):
        hnsw = self._values["hnsw"]
        dense = {name: engine.EdgeVectorParams(
            vector["size"], DISTANCES[vector["distance"]], datatype=DATATYPES.get(vector.get("datatype")),
            multivector_config=engine.MultiVectorConfig(engine.MultiVectorComparator.MaxSim)
            if vector.get("multivector_config") else None) for name, vector in self.dense_vectors.items()}
        sparse = {name: engine.EdgeSparseVectorParams(
            modifier=engine.Modifier.Idf if vector.get("modifier") == "idf" else None)
            for name, vector in self.sparse_vectors.items()}
        if not dense and not sparse:
            sparse = {NO_VECTORS: engine.EdgeSparseVectorParams()}
        return engine.EdgeConfig(
            vectors=dense or None, sparse_vectors=sparse or None,
            hnsw_config=engine.HnswIndexConfig(hnsw["m"], hnsw["ef_construct"], hnsw["full_scan_threshold"]),
            optimizers=engine.EdgeOptimizersConfig(indexing_threshold=self._values["optimizer"]["indexing_threshold"]),
            max_search_threads=1)
