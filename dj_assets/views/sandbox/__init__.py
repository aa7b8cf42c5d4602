"""Results of sandbox experiments and evaluations as SVG pictures and tables, without scripts or fonts."""
