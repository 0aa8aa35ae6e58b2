"""Fetch real data sets: `python data_scripts/fetch_data.py charades-sta glove-6b --root data`.

The same as `lgn-lite data get`; `lgn-lite data status` says what there is to fetch.
"""

import sys

import typer

from lgn_lite.cli_data import data_get
from lgn_lite.errors import InputError

if __name__ == "__main__":
    try:
        typer.run(data_get)
    except InputError as error:
        sys.exit(f"error: {error}")
