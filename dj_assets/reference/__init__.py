"""Reference pages that are generated from the code and the recipes: operators, gallery, recipe schema."""
