"""The evaluation of subsets: records of benchmarks, measured and published, and their comparison."""
