"""Stores that are wrong on purpose in one way each, to show that the suite catches every one of them.

`conformance mutants` runs each against the cases that it names. A mutant is declared where its fault is: one
module per chapter of the requirements. Controls are stores that are changed and still right.
"""
