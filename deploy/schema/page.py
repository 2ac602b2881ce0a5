"""A catalog as SQL that makes it, short enough to be read; comments of the page before it are kept."""

import re
from collections.abc import Iterable, Mapping

from deploy.schema.catalog import Catalog, Row
from shared.errors import ConfigurationError

_COMMENTED = re.compile(
    r"((?:^--.*\n)+)create (?:unlogged )?(?:table|index|unique index) (?:if not exists )?(\w+)", re.MULTILINE
)
_QUOTED = re.compile(r"""('[^']*'|"[^"]*")""")
_TYPES = {"timestamp with time zone": "timestamptz", "timestamp with time zone[]": "timestamptz[]"}


def comments_of(texts: Iterable[str]) -> dict[str, str]:
    """Name of a table or index to the comment directly above its making; what comes later wins."""
    return {name: comment for text in texts for comment, name in _COMMENTED.findall(text)}


def schema_page(service: str, catalog: Catalog, *, common: Iterable[str], comments: Mapping[str, str]) -> str:
    """The page. `common`: the tables that every service has, which come last."""
    if catalog.others:
        raise ConfigurationError(f"the page cannot show {', '.join(catalog.others)}: teach deploy/schema to")
    last = set(common)
    own = [name for name in catalog.tables if name not in last]
    header = (
        f"-- The whole store of {service}. Made by `python -m deploy.schema` from the migrations; a test holds them\n"
        "-- equal. Comments above a table or an index are kept: write them here.\n"
    )
    parts = [_table(catalog, name, comments) for name in own]
    parts.append("-- What every service has: shared/pipeline/sql and shared/postgres.\n")
    parts += [_table(catalog, name, comments) for name in catalog.tables if name in last]
    return "\n".join([header, *_joined(parts)])


def _joined(parts: list[str]) -> Iterable[str]:
    """Partitions stand directly under each other."""
    text = "\n".join(parts)
    return [re.sub(r"(partition of .*;\n)\n(?=create table \w+ partition of)", r"\1", text)]


def _table(catalog: Catalog, name: str, comments: Mapping[str, str]) -> str:
    table = catalog.tables[name]
    kind = "unlogged table" if table["persistence"] == "u" else "table"
    if table["parent"]:
        made = f"create {kind} {name} partition of {table['parent']} {lower(table['bounds'])}"
        return comments.get(name, "") + made + _options(table) + ";\n" + _indexes(catalog, name, comments)
    constraints = catalog.constraints.get(name, [])
    keys = {one["columns"][0] for one in constraints if one["kind"] == "p" and len(one["columns"]) == 1}
    lines = [_column(column, key=column["name"] in keys) for column in catalog.columns.get(name, [])]
    lines += [_constraint(name, one) for one in constraints if one["kind"] != "p" or one["columns"][0] not in keys]
    body = ",\n".join(f"    {line}" for line in lines)
    made = f"create {kind} {name} (\n{body}\n)"
    if table["partitioned_by"]:
        made += f" partition by {lower(table['partitioned_by'])}"
    return comments.get(name, "") + made + _options(table) + ";\n" + _indexes(catalog, name, comments)


def _options(table: Row) -> str:
    options = ", ".join(option.replace("=", " = ") for option in table["options"] or [])
    return f" with ({options})" if options else ""


def _column(column: Row, *, key: bool) -> str:
    if column["identity"] or column["generated"]:
        raise ConfigurationError(f"the page cannot show how {column['name']} is generated: teach deploy/schema to")
    parts = [column["name"], _TYPES.get(column["type"], column["type"])]
    parts += [f"storage {_storage(column['storage'])}"] if column["storage"] else []
    parts += [f"compression {column['compression']}"] if column["compression"] else []
    parts += [f"collate {column['collation']}"] if column["collation"] else []
    parts += ["primary key"] if key else ["not null"] if column["required"] else []
    parts += [f"default {column['default_value']}"] if column["default_value"] is not None else []
    return " ".join(parts)


def _storage(code: str) -> str:
    return {"p": "plain", "e": "external", "m": "main", "x": "extended"}[code]


def _constraint(table: str, constraint: Row) -> str:
    columns = "_".join(name.strip('"') for name in constraint["columns"] or [])
    usual = {"p": f"{table}_pkey", "u": f"{table}_{columns}_key"}.get(constraint["kind"])
    name = "" if constraint["name"] == usual else f"constraint {constraint['name']} "
    return name + lower(constraint["definition"])


def _indexes(catalog: Catalog, table: str, comments: Mapping[str, str]) -> str:
    return "".join(
        comments.get(one["name"], "")
        + lower(one["definition"].replace("public.", "").replace(" USING btree", ""))
        + ";\n"
        for one in catalog.indexes.get(table, [])
    )


def lower(text: str) -> str:
    """In lower case but for what stands in quotes."""
    return "".join(part if part[:1] in "'\"" and part else part.lower() for part in _QUOTED.split(text))
