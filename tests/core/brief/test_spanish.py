"""Encargos breves, como se escriben en español."""

import pytest

from tests.core.brief.saying import understood

BRIEFS = [
    ("Severidad: P0", {"severity": "P0"}),
    ("severidad P1", {"severity": "P1"}),
    ("Prioridad: 2", {"severity": "P2"}),
    ("Un error crítico en pagos", {"severity": "P0"}),
    ("El 45 % de los pagos fallan", {"impact": (0.45, "pagos fallan")}),
    ("Un tercio de los pedidos fallan", {"impact": (0.3333, "pedidos fallan")}),
    ("la mitad de las peticiones fallan", {"impact": (0.5, "peticiones fallan")}),
    ("1 de cada 4 compras falla", {"impact": (0.25, "compras falla")}),
    ("afecta al 30% de los usuarios", {"impact": (0.3, "usuarios")}),
    ("tasa de errores del 12 %", {"impact": (0.12, "tasa de errores")}),
    ("Entorno: producción", {"environment": "production"}),
    ("desplegar en producción", {"environment": "production"}),
    ("probado en staging, ahora a producción", {"environment": "production", "conflicts": ()}),
    ("Entorno: preproducción", {"environment": "staging"}),
    ("Región: eu-south-2", {"regions": ("eu-south-2",)}),
    ("Servicio: pagos", {"service": "pagos"}),
    ("Servicios: pagos, carrito y búsqueda", {"services": ("pagos", "carrito", "búsqueda")}),
    ("el servicio de pagos está caído", {"service": "pagos"}),
    ("los servicios payment y checkout", {"services": ("payment", "checkout")}),
    ("Hotfix de pagos", {"service": "pagos"}),
    ("Corrección del puntero nulo en pagos", {"service": "pagos", "summary": "Corrección del puntero nulo en pagos"}),
    (
        "Crea un plan de despliegue para el hotfix de puntero nulo en pagos.",
        {"service": "pagos", "summary": "hotfix de puntero nulo en pagos"},
    ),
    ("de 2.4.0 a 2.4.1", {"previous": "2.4.0", "version": "2.4.1"}),
    ("desde la versión 2.4.0 a la versión 2.4.1", {"previous": "2.4.0", "version": "2.4.1"}),
    ("Versión: 2.4.1. Versión anterior: 2.4.0.", {"previous": "2.4.0", "version": "2.4.1"}),
    ("nueva versión 2.4.1, versión actual 2.4.0", {"previous": "2.4.0", "version": "2.4.1"}),
    ("desplegar pagos 2.4.1 en producción", {"service": "pagos", "version": "2.4.1"}),
    ("volver a la 2.4.0 si falla", {"previous": "2.4.0"}),
    ("5 millones de peticiones por día", {"per_day": 5e6}),
    ("5M de peticiones al día", {"per_day": 5e6}),
    ("5M peticiones diarias", {"per_day": 5e6}),
    ("medio millón de solicitudes al día", {"per_day": 5e5}),
    ("Tráfico: 1.200 peticiones por minuto en el servicio de pagos", {"per_s": 20, "conflicts": ()}),
    ("1,5 millones de peticiones por hora", {"per_s": 416.666667}),
    ("58 peticiones por segundo", {"per_s": 58}),
    ("900 rps en hora punta, 58 rps de media", {"per_s": 58, "peak": False, "conflicts": ()}),
    ("120 mil peticiones por hora", {"per_s": 33.333333}),
    ("Estrategia: canario", {"strategy": "canary"}),
    ("Estrategia: azul-verde", {"strategy": "blue-green"}),
    ("despliegue azul/verde", {"strategy": "blue-green"}),
    ("despliegue gradual", {"strategy": "rolling"}),
    ("sin canary, azul-verde", {"strategy": "blue-green"}),
    ("10% durante 10 minutos, luego 50%, luego 100%", {"phases": ((10, 600), (50, None), (100, None))}),
    ("Fases: 10/50/100", {"phases": ((10, None), (50, None), (100, None))}),
    ("5 %, 25 % y 100 %, 15 minutos cada una", {"phases": ((5, 900), (25, 900), (100, 900))}),
    ("con feature flag", {"flag": True}),
    ("detrás del flag new-payment", {"flag": "new-payment"}),
    ("sin feature flag", {"flag": False}),
    ("Bandera: ninguna", {"flag": False}),
    ("sin migración", {"migration": None}),
    ("con una migración de base de datos", {"migration": "unknown"}),
    ("migración irreversible", {"migration": "irreversible"}),
    ("la migración no se puede deshacer", {"migration": "irreversible"}),
    ("la migración se puede revertir", {"migration": "reversible"}),
    ("la migración elimina una columna", {"migration": "irreversible"}),
    ("un servicio con estado", {"stateful": True}),
    ("un cambio mayor", {"major": True}),
    ("nueva funcionalidad de búsqueda", {"known_bad": False}),
    ("la versión actual está sana", {"known_bad": False}),
    ("mantener la versión antigua 1 hora", {"standby_s": 3600}),
    (
        "Ventana: 25/11/2026 de 22:00 a 02:00 UTC",
        {"window": "2026-11-25 22:00 02:00 UTC same"},
    ),
    (
        "Ventana de mantenimiento: 25 de noviembre de 2026, 22:00-23:00 Europe/Madrid",
        {"window": "2026-11-25 22:00 23:00 Europe/Madrid same"},
    ),
    ("Incidencia: PAY-123", {"tickets": ("PAY-123",)}),
    ("Guardia: Lucía Pérez (lucia@acme.es)", {"contacts": (("on-call", "Lucía Pérez", "lucia@acme.es"),)}),
    ("probado por Carmen", {"contacts": (("tester", "Carmen", ""),)}),
    ("Responsable: Ana", {"contacts": (("owner", "Ana", ""),)}),
    ("canal #inc-pagos", {"contacts": (("incident-channel", "", "#inc-pagos"),)}),
    (
        "Necesitamos un plan para el hotfix de pagos, es para la producción y con una ventana",
        {"language": "es", "service": "pagos", "environment": "production"},
    ),
]


@pytest.mark.parametrize(("text", "facts"), BRIEFS, ids=[text[:60] for text, _ in BRIEFS])
def test_lo_que_dice_un_encargo_se_entiende(text, facts):
    found = understood(text)
    assert {name: found[name] for name in facts} == facts
