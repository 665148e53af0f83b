"""Every setting, validated; nothing here loads torch."""
