"""`python -m mead_manip` is `mead-manip`."""

from mead_manip.cli import main

if __name__ == "__main__":
    main()
