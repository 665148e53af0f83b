"""`python -m quantstudy` is `quantstudy`."""

from quantstudy.cli.app import main

if __name__ == "__main__":
    main()
