"""Fetch real data sets: `python data_scripts/fetch_data.py charades-sta glove-6b --root data`.

The same as `lgn-lite data get`; `lgn-lite data status` says what there is to fetch.
"""

import typer

from lgn_lite.cli.data import data_get
from lgn_lite.support.error_lines import errors_as_lines

if __name__ == "__main__":
    with errors_as_lines():
        typer.run(data_get)
