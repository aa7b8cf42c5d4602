"""Raw formats: files of the corpora as they are published, before anyone made one sample a record of them."""
