"""docs/reference, written from the code: routes, errors, settings, schema, OpenAPI documents."""
