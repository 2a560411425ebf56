"""What a contract serves beyond chat and models: one package a service, each named by the trait `services`."""

from mockserver.services.router import Router
from mockserver.services.service import Part, Route, Service, load_service
from mockserver.services.storage import Storage

__all__ = ["Part", "Route", "Router", "Service", "Storage", "load_service"]
