package export

import (
	"encoding/json"

	"doksportal/internal/audit"
	"doksportal/internal/portal"
)

// An event is an API Activity of the Open Cybersecurity Schema Framework.
const (
	ocsfVersion  = "1.3.0"
	ocsfCategory = 6 // Application Activity
	ocsfClass    = 6003
	ocsfProduct  = "DOKS Portal"
	ocsfService  = "doks-portal"
)

// ocsfCode is a number of the schema with its caption.
type ocsfCode struct {
	id   int
	name string
}

// appendOCSF appends an event as one line of JSON.
func appendOCSF(dst []byte, e audit.Entry) ([]byte, error) {
	activity, status, severity := activityOf(e), statusOf(e.Result), severityOf(e)
	a := ocsfActivity{
		ActivityID: activity.id, ActivityName: activity.name, CategoryUID: ocsfCategory, CategoryName: "Application Activity", ClassUID: ocsfClass, ClassName: "API Activity",
		TypeUID: ocsfClass*100 + activity.id, TypeName: "API Activity: " + activity.name, Time: e.At.UnixMilli(), Message: e.Summary,
		StatusID: status.id, Status: status.name, StatusDetail: string(e.Result), SeverityID: severity.id, Severity: severity.name,
		Metadata: ocsfMetadata{
			Version: ocsfVersion, Product: ocsfMaker{Name: ocsfProduct, Vendor: ocsfProduct}, UID: e.ID, EventCode: string(e.Kind), LogName: "audit", LoggedTime: e.RecordedAt.UnixMilli(),
			OriginalTime: timeText(e.At), CorrelationUID: e.RequestID,
		},
		Actor:     ocsfActorOf(e),
		API:       ocsfAPI{Operation: string(e.Kind), Service: ocsfNamed{Name: ocsfService}},
		Source:    ocsfEndpoint{IP: e.Origin.Address},
		Resources: ocsfResources(e),
		Unmapped: ocsfUnmapped{
			Reason: e.Reason, Operation: e.Operation, Environment: e.Environment, TeamID: e.TeamID, Team: e.TeamName,
			Request: e.RequestNumber, Revision: e.Revision, Roles: e.Origin.Roles, Data: details(e),
		},
	}
	if e.Number >= 0 {
		a.Metadata.Sequence = &e.Number
	}
	if isCall(e) {
		a.API.Operation = string(e.Operation)
	}
	if e.Origin.Address == "" { // the portal's own doing
		a.Source.Service = ocsfService
	}
	if e.Origin.HTTPRequest != "" || e.Origin.UserAgent != "" {
		a.HTTP = &ocsfHTTP{UID: e.Origin.HTTPRequest, UserAgent: e.Origin.UserAgent}
	}
	return appendLine(dst, a)
}

// ocsfActivity is an API Activity, with those of its attributes that the trail knows.
type ocsfActivity struct {
	ActivityID   int            `json:"activity_id"`
	ActivityName string         `json:"activity_name"`
	CategoryUID  int            `json:"category_uid"`
	CategoryName string         `json:"category_name"`
	ClassUID     int            `json:"class_uid"`
	ClassName    string         `json:"class_name"`
	TypeUID      int            `json:"type_uid"`
	TypeName     string         `json:"type_name"`
	Time         int64          `json:"time"`
	SeverityID   int            `json:"severity_id"`
	Severity     string         `json:"severity"`
	StatusID     int            `json:"status_id"`
	Status       string         `json:"status"`
	StatusDetail string         `json:"status_detail"`
	Message      string         `json:"message"`
	Metadata     ocsfMetadata   `json:"metadata"`
	Actor        ocsfActor      `json:"actor"`
	API          ocsfAPI        `json:"api"`
	Source       ocsfEndpoint   `json:"src_endpoint"`
	HTTP         *ocsfHTTP      `json:"http_request,omitempty"`
	Resources    []ocsfResource `json:"resources,omitempty"`
	Unmapped     ocsfUnmapped   `json:"unmapped"`
}

type ocsfMetadata struct {
	Version        string    `json:"version"`
	Product        ocsfMaker `json:"product"`
	UID            string    `json:"uid"`
	Sequence       *int64    `json:"sequence,omitempty"` // the event's number
	EventCode      string    `json:"event_code"`
	CorrelationUID string    `json:"correlation_uid,omitempty"` // of the request
	LogName        string    `json:"log_name"`
	LoggedTime     int64     `json:"logged_time"`
	OriginalTime   string    `json:"original_time"` // to the microsecond
}

type ocsfMaker struct {
	Name   string `json:"name"`
	Vendor string `json:"vendor_name"`
}

type ocsfNamed struct {
	Name string `json:"name"`
}

type ocsfActor struct {
	User    ocsfUser     `json:"user"`
	IDP     *ocsfUID     `json:"idp,omitempty"`
	Session *ocsfSession `json:"session,omitempty"`
}

type ocsfUID struct {
	UID string `json:"uid"`
}

type ocsfUser struct {
	UID    string      `json:"uid"`
	Name   string      `json:"name"`
	Email  string      `json:"email_addr,omitempty"`
	TypeID int         `json:"type_id"`
	Type   string      `json:"type"`
	Groups []ocsfNamed `json:"groups,omitempty"`
}

type ocsfSession struct {
	UID    string `json:"uid"`
	Issuer string `json:"issuer"`
}

type ocsfAPI struct {
	Operation string    `json:"operation"`
	Service   ocsfNamed `json:"service"`
}

type ocsfEndpoint struct {
	IP      string `json:"ip,omitempty"`
	Service string `json:"svc_name,omitempty"`
}

type ocsfHTTP struct {
	UID       string `json:"uid,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
}

type ocsfResource struct {
	UID  string `json:"uid,omitempty"`
	Name string `json:"name,omitempty"`
	Type string `json:"type,omitempty"`
}

// ocsfUnmapped is what the schema has no place for.
type ocsfUnmapped struct {
	Reason      string             `json:"reason,omitempty"`
	Operation   portal.OperationID `json:"operation,omitempty"`
	Environment portal.Environment `json:"environment,omitempty"`
	TeamID      string             `json:"team_id,omitempty"`
	Team        string             `json:"team,omitempty"`
	Request     int64              `json:"request,omitempty"`
	Revision    int                `json:"revision,omitempty"`
	Roles       []portal.Role      `json:"actor_roles,omitempty"`
	Data        json.RawMessage    `json:"data,omitempty"`
}

func ocsfActorOf(e audit.Entry) ocsfActor {
	user := ocsfUser{UID: e.Actor.Subject, Name: e.Actor.Name, Email: e.Origin.Email, TypeID: 1, Type: "User"}
	for _, group := range e.Origin.Groups {
		user.Groups = append(user.Groups, ocsfNamed{group})
	}
	a := ocsfActor{User: user}
	if e.Actor.Issuer == portal.SystemIssuer {
		a.User.TypeID, a.User.Type = 3, "System"
		return a
	}
	a.IDP = &ocsfUID{e.Actor.Issuer}
	if e.Origin.Session != "" {
		a.Session = &ocsfSession{e.Origin.Session, e.Actor.Issuer}
	}
	return a
}

// ocsfResources are what an event is about.
func ocsfResources(e audit.Entry) (list []ocsfResource) {
	if e.Target != (portal.EventTarget{}) {
		list = append(list, ocsfResource{UID: e.Target.ID, Name: e.Target.Name, Type: string(e.Target.Kind)})
	}
	for _, id := range e.Clusters {
		if e.Target.Kind != portal.TargetCluster || e.Target.ID != id {
			list = append(list, ocsfResource{UID: id, Type: string(portal.TargetCluster)})
		}
	}
	return list
}

func statusOf(r portal.EventResult) ocsfCode {
	switch r {
	case portal.ResultDone:
		return ocsfCode{1, "Success"}
	case portal.ResultRefused, portal.ResultFailed:
		return ocsfCode{2, "Failure"}
	}
	return ocsfCode{0, "Unknown"}
}

// severityOf is how much whoever watches a SIEM should mind.
func severityOf(e audit.Entry) ocsfCode {
	switch {
	case e.Kind == portal.EventTrailVerified && e.Result == portal.ResultFailed:
		return ocsfCode{5, "Critical"} // somebody has changed the trail
	case e.Kind == portal.EventBreakGlass, e.Kind == portal.EventTrailStopped:
		return ocsfCode{4, "High"}
	case e.Result == portal.ResultFailed, e.Result == portal.ResultUnknown:
		return ocsfCode{3, "Medium"}
	case e.Result == portal.ResultRefused:
		return ocsfCode{2, "Low"}
	}
	return ocsfCode{1, "Informational"}
}
