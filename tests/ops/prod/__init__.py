"""Commands on prod, deployed once for all files of this folder: who changes it puts it back."""
