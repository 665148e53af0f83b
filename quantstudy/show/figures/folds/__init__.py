"""What happens to the folds inside?"""
