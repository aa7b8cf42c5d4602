"""Raw formats: files of corpora in their published form, before they are converted to one sample per record."""
