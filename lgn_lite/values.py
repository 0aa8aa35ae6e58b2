"""How values are written on the command line and in grid files: YAML, with the numbers and booleans of version 1.2."""

import re
from typing import Any

import yaml

BOOL, FLOAT = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:float"


class _Loader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error instead of the last one's value."""

    # in YAML 1.1, which the library reads, `precision=no` is false, and 1e-3 is a text
    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, rule) for tag, rule in rules if tag != BOOL]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} stands there twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(BOOL, re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
_Loader.add_implicit_resolver(FLOAT, re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"), list("-+.0123456789"))


def read_values(text: str) -> Any:
    """Read YAML: 1e-3 is a number, true and false are booleans, yes, no, on and off are words.

    Raises yaml.YAMLError for what is not YAML, and for a key that stands twice.
    """
    return yaml.load(text, _Loader)
