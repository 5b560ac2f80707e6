"""`python -m curation` is `curation`."""

from curation.cli import main

if __name__ == "__main__":
    main()
