"""`python -m compostela`."""

from compostela.app.cli import main

if __name__ == "__main__":
    main(prog_name="compostela")
