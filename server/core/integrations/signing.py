"""The key an integration signs with, and signing with it."""

from functools import lru_cache

from server.core.drawn_ids import insert_with_new_id
from server.core.integrations import store
from server.core.integrations.model import Signer, signing_key_purpose
from server.core.work import Work
from server.crypto import signing_keys
from server.crypto.sealing import KeyRing


async def give_new_signing_key(work: Work, organization_id: int, integration_id: int) -> int:
    """The integration's new enrollments are bound with a key that is new; the id of that key.

    Its private half is in the database only, sealed. A key it had before is retired: enrollments that
    were bound with it go on with it.
    """
    seed, public_key = signing_keys.generate()

    async def insert(signing_key_id: int) -> bool:
        return await store.insert_signing_key(
            work.conn,
            signing_key_id,
            organization_id=organization_id,
            integration_id=integration_id,
            public_key=public_key,
            private_key_sealed=work.keys.seal(seed, signing_key_purpose(signing_key_id)),
            now=work.now,
        )

    signing_key_id = await insert_with_new_id(insert)
    await store.update_signing_key(work.conn, organization_id, integration_id, signing_key_id, work.now)
    return signing_key_id


def sign(work: Work, signer: Signer, message: bytes) -> str:
    """*message* signed with the key that *signer* names: Ed25519, 64 bytes, Base64URL without padding."""
    return _opened(work.keys, signer.id, signer.private_key_sealed).sign(message)


@lru_cache(maxsize=4096)
def _opened(keys: KeyRing, signing_key_id: int, sealed: bytes) -> signing_keys.SigningKey:
    """The key in *sealed*. Kept, since it signs often and opening is dear; sealed anew it is opened anew."""
    return signing_keys.SigningKey(keys.open(sealed, signing_key_purpose(signing_key_id)))
