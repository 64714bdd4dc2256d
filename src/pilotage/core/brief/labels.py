"""``Severity: P0``: the labels of three languages, and how far the text behind each one goes."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from pilotage.core.brief.near import nearest
from pilotage.core.brief.patterns import Pattern

_NAMES = {
    "severity": "severity,sev,priority,prio,urgency,severity level,schweregrad,prioritat,dringlichkeit,severidad,"
    "gravedad,prioridad",
    "environment": "environment,env,target environment,target env,umgebung,zielumgebung,entorno,ambiente,entorno de "
    "destino",
    "service": "service,services,service name,app,apps,application,component,components,microservice,affected "
    "service,affected services"
    ",dienst,dienste,dienstname,betroffener dienst,betroffene dienste,anwendung,komponente,komponenten,servicio,"
    "servicios,aplicacion"
    ",componente,componentes,microservicio,servicio afectado,servicios afectados",
    "version": "version,new version,target version,release,release version,build,tag,image,image tag,commit,commit "
    "sha,sha,artifact"
    ",fix version,hotfix version,neue version,zielversion,abbild,nueva version,version nueva,imagen,etiqueta,to "
    "version,new",
    "previous": "previous,previous version,prev,current,current version,running,running version,old version,"
    "rollback to,rollback version"
    ",rollback target,roll back to,fallback,fallback version,last good,last good version,last known good,replaces,"
    "from version,old"
    ",vorige version,vorherige version,bisherige version,alte version,aktuelle version,laufende version,vorversion,"
    "ruckfallversion"
    ",version anterior,anterior,version actual,version previa,version en ejecucion,zuruck auf,volver a,previous "
    "release",
    "strategy": "strategy,deployment strategy,rollout strategy,release strategy,rollout,deployment,strategie,"
    "rollout strategie"
    ",bereitstellungsstrategie,deployment strategie,vorgehen,estrategia,estrategia de despliegue,despliegue",
    "traffic": "traffic,load,throughput,volume,request volume,requests,request rate,verkehr,last,datenverkehr,"
    "durchsatz,anfragen,trafico"
    ",carga,peticiones,volumen,solicitudes",
    "ticket": "ticket,tickets,issue,issues,jira,incident,incident id,reference,ref,case,vorfall,incidencia,"
    "incidente,tickets jira,vorgang",
    "window": "window,maintenance window,deployment window,change window,release window,schedule,scheduled,when,"
    "wartungsfenster,zeitfenster"
    ",fenster,termin,zeitpunkt,ventana,ventana de mantenimiento,ventana de despliegue,horario,fecha,date,datum",
    "on-call": "on call,oncall,on call engineer,pager,bereitschaft,rufbereitschaft,diensthabender,diensthabende,"
    "guardia,de guardia"
    ",persona de guardia,primary on call",
    "tester": "tester,testers,tested by,qa contact,qa lead,getestet von,testerin,prufer,probado por,probador,probadora",
    "escalation": "escalation,escalation contact,escalate to,escalations,eskalation,eskalationskontakt,eskalieren "
    "an,escalado,escalamiento"
    ",escalacion,contacto de escalado,escalar a",
    "owner": "owner,service owner,owned by,responsible,verantwortlich,verantwortliche,verantwortlicher,besitzer,"
    "responsable,propietario,dueno",
    "incident-channel": "channel,incident channel,slack,slack channel,kanal,incident kanal,vorfallkanal,canal,canal "
    "de incidentes"
    ",canal del incidente,canal de incidencias",
    "flag": "flag,feature flag,feature toggle,toggle,flag name,feature schalter,schalter,bandera,bandera de "
    "funcionalidad,feature flag name",
    "regions": "region,regions,location,locations,datacenter,standort,standorte,regionen,regiones",
    "impact": "impact,effect,user impact,customer impact,auswirkung,auswirkungen,impacto,afectacion",
    "summary": "summary,title,subject,change,description,betreff,titel,zusammenfassung,beschreibung,anderung,"
    "resumen,titulo,asunto"
    ",descripcion,cambio",
    "migration": "migration,migrations,db migration,database migration,database,schema change,datenbank,"
    "datenbankmigration,migracion"
    ",migraciones,base de datos,schemaanderung,cambio de esquema",
    "phases": "phases,phase,steps,stages,rollout steps,weights,stufen,phasen,schritte,fases,pasos,etapas",
    "standby": "standby,warm standby,keep warm,warmhalten,en espera",
    "kind": "type,change type,kind,art,tipo,tipo de cambio",
    "note": "note,notes,hinweis,nota,notas,contact,contacts,kontakt,contacto,background,context,hintergrund,"
    "contexto,brief,todo,warning"
    ",achtung,atencion,important,wichtig,importante,error,errors,root cause,cause,ursache,causa,checklist,plan,"
    "stateful",
}
LABELS = {label: key for key, labels in _NAMES.items() for label in labels.split(",")}
_SINGLE = tuple(label for label in LABELS if " " not in label and len(label) >= 6 and LABELS[label] != "note")
_WORDS_BEFORE = Pattern(r"(?:[a-z]+(?:\([a-z]{1,2}\))?[ /'-]{1,3}){0,3}[a-z]+(?:\([a-z]{1,2}\))? {0,3}$")
_WORD = Pattern(r"[a-z]+")
_PLURAL = Pattern(r"\([a-z]{1,2}\)")
_SIGN = Pattern(r"[:=](?![/=>])")
_STOP = Pattern(r"[.;!?](?=[ )]|$|\n)|\n")
LONGEST = 300


@dataclass(frozen=True)
class Segment:
    """`key` is a name of a fact; the label begins at `label`, what it says stands from `start` to `end`."""

    key: str
    label: int
    start: int
    end: int
    confidence: float = 1.0


def segments(low: str) -> tuple[Segment, ...]:
    """Labels in their order; each one's text goes to its sentence's or line's end, or to the next label."""
    found: list[tuple[str, int, int, float]] = []
    for sign in _SIGN.finditer(low):
        before = low[max(0, sign.start() - 50) : sign.start()]
        words = _WORDS_BEFORE.search(before)
        if words and (labelled := _label(words[0])):
            key, length, confidence = labelled
            found.append((key, sign.start() - length, sign.end(), confidence))
    out = []
    for index, (key, label, start, confidence) in enumerate(found):
        stop = _STOP.search(low, start, min(len(low), start + LONGEST))
        end = stop.start() if stop else min(len(low), start + LONGEST)
        if index + 1 < len(found):
            end = min(end, found[index + 1][1])
        if start < end and low[start:end].strip():
            out.append(Segment(key, label, start, end, confidence))
    return tuple(out)


def _label(words: str) -> tuple[str, int, float] | None:
    """The label that `words` end with: its key, its length in `words`, and how sure that is."""
    starts = [
        match.start() for match in _WORD.finditer(words) if not (match.start() and words[match.start() - 1] == "(")
    ]
    for start in starts[-4:]:
        label = " ".join(_PLURAL.sub(" ", words[start:]).replace("-", " ").replace("/", " ").split())
        if key := LABELS.get(label):
            return key, len(words) - start, 1.0
    last = words[starts[-1] :].strip() if starts else ""
    if len(last) >= 5 and (label := nearest(last, _SINGLE)):
        return LABELS[label], len(words) - starts[-1], 0.7
    return None


class Labelled:
    """The segments of a text, found by place."""

    def __init__(self, low: str) -> None:
        self.all = segments(low)
        self._starts = [one.label for one in self.all]

    def at(self, place: int) -> Segment | None:
        """The segment (or its label) that `place` lies in."""
        index = bisect_right(self._starts, place) - 1
        return self.all[index] if index >= 0 and place < self.all[index].end else None

    def of(self, *keys: str) -> list[Segment]:
        return [one for one in self.all if one.key in keys]
