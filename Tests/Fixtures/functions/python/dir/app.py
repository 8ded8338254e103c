def get(event, context):
    return "nested"
