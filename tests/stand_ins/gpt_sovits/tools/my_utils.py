"""`clean_path` as in tools/my_utils.py of the real one."""

import os


def clean_path(path_str):
    if path_str.endswith(("\\", "/")):
        return clean_path(path_str[0:-1])
    path_str = path_str.replace("/", os.sep).replace("\\", os.sep)
    return path_str.strip(" '\n\"\u202a")
