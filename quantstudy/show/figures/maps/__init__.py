"""What happens to the islands?"""
