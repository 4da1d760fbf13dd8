from tests.support.run_pages import client, job  # noqa: F401 – fixtures of the tests beside
