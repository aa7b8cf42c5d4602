"""Measurements that anybody can repeat: recipes against Data-Juicer, scaling, deduplication of synthetic signatures."""
