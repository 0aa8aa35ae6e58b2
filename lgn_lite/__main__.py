"""`python -m lgn_lite` is `lgn-lite`; `accelerate launch -m lgn_lite train …` trains in several processes."""

from lgn_lite.cli.main import main

if __name__ == "__main__":
    main()
