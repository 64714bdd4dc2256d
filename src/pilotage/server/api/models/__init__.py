"""The shapes of the API's requests and answers, as its description (OpenAPI) shows them.

Answers are described, not filtered: one that has a field more than its description is given all the same. The tests
hold the two together.
"""
