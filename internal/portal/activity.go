package portal

import "time"

// Activity is what became of a request, or of a cluster that no request is about.
type Activity struct {
	At            time.Time
	Number        int64 // of the request; 0: DigitalOcean no longer has a cluster that no request deleted
	Operation     OperationID
	TargetName    string
	State         State
	RequesterName string
	ClusterID     string // of the cluster that is gone
}
