/// The service models as text; `scripts/generate-service-models.py` writes the extensions.
enum GeneratedModels {}
