package portal

// RelatedRequest is an open request that concerns a cluster which another one concerns
// too.
type RelatedRequest struct {
	Number    int64 // 0 when its reader may not see it; then there is neither target nor requester
	Operation OperationID
	Target    string
	State     State
	Requester string // name
	Conflict  string // why both cannot be, in plain words; empty when they can
}

// Conflict says why both of two open requests on one cluster cannot be carried
// out as they are planned, empty when they can. pool is what the other is
// about, if it is about one.
func (r Request) Conflict(other OperationID, pool string) string {
	mine := r.Operation
	switch {
	case mine.Deletes() && other.Deletes():
		return "Both delete the cluster."
	case other.Deletes():
		return "It deletes the cluster."
	case mine.Deletes():
		return "The cluster would no longer exist."
	case mine.Risk() == RiskDiagnostic || other.Risk() == RiskDiagnostic:
		return ""
	case pool != "" && pool == r.Params.PoolID():
		return "It is about the same pool."
	case mine == other && (mine == UpdateCluster || mine == UpgradeCluster):
		return "It changes the same cluster in the same way."
	}
	return ""
}
