"""What makes hardgelu better or worse?"""
