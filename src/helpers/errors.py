"""What may go wrong by a user's doing, said in one sentence each."""


class RadiogramError(Exception):
    """Bad input: which file, which patient, what is wrong, what to do. The command ends with status 2."""


class CaseError(RadiogramError):
    """One case that cannot be used: it is excluded with this reason and the run goes on."""
