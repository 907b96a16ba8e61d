"""Indexes on payload fields: JSON schemas as the engine's, and back."""

import qdrant_edge as engine

from .errors import no_variant

TYPES = {"keyword": engine.PayloadSchemaType.Keyword, "integer": engine.PayloadSchemaType.Integer,
         "float": engine.PayloadSchemaType.Float, "geo": engine.PayloadSchemaType.Geo,
         "text": engine.PayloadSchemaType.Text, "bool": engine.PayloadSchemaType.Bool,
         "datetime": engine.PayloadSchemaType.Datetime, "uuid": engine.PayloadSchemaType.Uuid}
TOKENIZERS = {"prefix": engine.TokenizerType.Prefix, "whitespace": engine.TokenizerType.Whitespace,
              "word": engine.TokenizerType.Word, "multilingual": engine.TokenizerType.Multilingual}


def text_parameters(schema):
    tokenizer = schema.get("tokenizer", "word")
    if tokenizer not in TOKENIZERS:
        raise no_variant("PayloadFieldSchema")
    names = ("min_token_len", "max_token_len", "lowercase", "phrase_matching")
    return engine.TextIndexParams(tokenizer=TOKENIZERS[tokenizer], **{name: schema.get(name) for name in names})


# What changes the answers of an index. The rest (on_disk, is_tenant, ...) is about where it is kept.
PARAMETERS = {
    "text": text_parameters,
    "integer": lambda schema: engine.IntegerIndexParams(lookup=schema.get("lookup"), range=schema.get("range")),
}


def schema_of(value):
    """A schema's type name, its parameters when it has any, and the engine's form of both."""
    schema = value if isinstance(value, dict) else {"type": value}
    name = schema.get("type")
    if not isinstance(name, str) or name not in TYPES:
        raise no_variant("PayloadFieldSchema")
    if not isinstance(value, dict):
        return {"data_type": name}, TYPES[name]
    convert = PARAMETERS.get(name)
    return {"data_type": name, "params": schema}, convert(schema) if convert else TYPES[name]
