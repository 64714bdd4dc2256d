"""Files that the model never sees, whatever it asks for: where secrets usually are."""

from __future__ import annotations

import re

_NAMES = re.compile(
    r"""
      \.env.* | .*\.env | \.envrc.*
    | .*\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk|asc|gpg|age|crt|cer|der|ovpn|tfstate|tfstate\..*|tfvars|sops)
    | .*\.(?:tfvars|sops)\..* | .*\.dec\..*
    | id_(?:rsa|dsa|ecdsa|ed25519).* | .*_rsa | .*_ed25519 | authorized_keys | known_hosts
    | \.netrc | _netrc | \.npmrc | \.yarnrc.* | \.pypirc | \.pgpass | \.my\.cnf | \.htpasswd | \.git-credentials
    | \.dockercfg | \.dockerconfigjson | \.boto | \.s3cfg | \.vault-token | \.?vault[-_]?pass.* | \.terraformrc
    | .*credentials?.* | .*kubeconfig.* | .*secrets?(?:[-_.].*)? | .*[-_.]secrets?.* | .*passw(?:or)?d.*
    | .*service[-_]?account.*\.json | .*\.gitconfig | .*[-_.]tokens?(?:\..*)? | tokens?(?:\..*)?
    """,
    re.VERBOSE | re.IGNORECASE,
)
_FOLDERS = re.compile(
    r"\.git|\.hg|\.svn|\.ssh|\.aws|\.azure|\.gcloud|\.gnupg|\.kube|\.docker|\.terraform|\.?secrets?|\.?credentials?",
    re.IGNORECASE,
)
_SECRET = re.compile(r"^\s*[\"']?kind[\"']?\s*:\s*[\"']?(?:Secret|SealedSecret)\b", re.MULTILINE)


def is_denied(name: str) -> bool:
    """Of a path with ``/`` between its parts."""
    *folders, last = name.split("/")
    return any(_FOLDERS.fullmatch(one) for one in (*folders, last)) or _NAMES.fullmatch(last) is not None


def holds_a_secret(text: str) -> bool:
    """Kubernetes keeps secrets in manifests, under names that say nothing."""
    return _SECRET.search(text) is not None
