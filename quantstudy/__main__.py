"""`python -m quantstudy` is `quantstudy`."""

from quantstudy.cli import main

if __name__ == "__main__":
    main()
