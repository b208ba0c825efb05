//! EC2's reply documents.
//! Not in it: what is in them; the actions choose that.

use jiff::Timestamp;

use super::record::{Ec2Instance, EndReason, InstanceState};
use super::{Ec2, NAMESPACE};
use crate::cloud::catalogue::CapacityType;
use crate::cloud::pipeline::Call;
use crate::cloud::xml::Xml;

/// The document that answers a call, around its content.
pub(super) fn document(call: &Call<'_>, content: impl FnOnce(&mut Xml)) -> Xml {
    let mut xml = Xml::document();
    xml.node_in(&format!("{}Response", call.action), NAMESPACE, |xml| {
        xml.text("requestId", call.request_id);
        content(xml);
    });
    xml
}

/// The reply to RunInstances: one reservation, its instances in their present state.
pub(super) fn reservation(call: &Call<'_>, ec2: &Ec2, launch: usize) -> Xml {
    let ids = ec2.launches.get(launch).map(|launch| launch.instance_ids.as_slice()).unwrap_or_default();
    let instances = ids.iter().filter_map(|id| ec2.find(id));
    let shown: Vec<_> = instances.map(|instance| (instance, instance.state_at(call.now))).collect();
    document(call, |xml| reservation_content(xml, &call.account, &shown))
}

/// The reply to DescribeInstances: neighbours of one reservation are grouped.
pub(super) fn page(
    call: &Call<'_>,
    shown: &[(&Ec2Instance, InstanceState)],
    next_token: Option<&str>,
) -> Xml {
    document(call, |xml| {
        xml.node("reservationSet", |xml| {
            for group in shown.chunk_by(|(one, _), (other, _)| one.reservation_id == other.reservation_id) {
                xml.node("item", |xml| reservation_content(xml, &call.account, group));
            }
        });
        xml.option("nextToken", next_token);
    })
}

/// The reply to TerminateInstances: for each instance its state before and after.
pub(super) fn changes(call: &Call<'_>, rows: &[(String, InstanceState, InstanceState)]) -> Xml {
    document(call, |xml| {
        xml.node("instancesSet", |xml| {
            for (id, previous, current) in rows {
                xml.node("item", |xml| {
                    xml.text("instanceId", id);
                    state(xml, "currentState", *current);
                    state(xml, "previousState", *previous);
                });
            }
        });
    })
}

fn reservation_content(xml: &mut Xml, account: &str, shown: &[(&Ec2Instance, InstanceState)]) {
    let reservation_id = shown.first().map(|(instance, _)| instance.reservation_id.as_str());
    xml.option("reservationId", reservation_id).text("ownerId", account);
    xml.node("groupSet", |_| {});
    xml.node("instancesSet", |xml| {
        for (instance, shown_state) in shown {
            xml.node("item", |xml| item(xml, instance, *shown_state));
        }
    });
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Instance.html>
fn item(xml: &mut Xml, instance: &Ec2Instance, shown: InstanceState) {
    xml.text("instanceId", &instance.id).text("imageId", &instance.image_id);
    state(xml, "instanceState", shown);
    xml.node("privateDnsName", |_| {}).node("dnsName", |_| {});
    let is_ending = matches!(shown, InstanceState::ShuttingDown | InstanceState::Terminated);
    if let Some(ending) = instance.ending.as_ref().filter(|_| is_ending) {
        let at = ending.at.strftime("%Y-%m-%d %H:%M:%S GMT");
        let reason = match ending.reason {
            EndReason::Terminated | EndReason::OwnPowerOff => "User initiated",
            EndReason::SpotInterruption => "Server.SpotInstanceTermination",
        };
        xml.text("reason", format_args!("{reason} ({at})"));
        xml.node("stateReason", |xml| {
            let code = ending.reason.code();
            xml.text("code", code).text("message", code);
        });
    } else {
        xml.node("reason", |_| {});
    }
    xml.text("amiLaunchIndex", instance.launch_index).text("instanceType", &instance.instance_type);
    xml.text("launchTime", time(instance.launched_at));
    xml.node("placement", |xml| {
        xml.text("availabilityZone", &instance.zone).node("groupName", |_| {}).text("tenancy", "default");
    });
    xml.node("monitoring", |xml| {
        xml.text("state", "disabled");
    });
    xml.option("subnetId", instance.subnet_id.as_ref()).option("vpcId", instance.vpc_id.as_ref());
    xml.node("groupSet", |xml| {
        for group in &instance.security_groups {
            xml.node("item", |xml| {
                xml.text("groupId", group).text("groupName", group);
            });
        }
    });
    xml.text("architecture", "x86_64").text("rootDeviceType", "ebs").text("rootDeviceName", "/dev/xvda");
    if instance.capacity_type == CapacityType::Spot {
        xml.text("instanceLifecycle", "spot");
        xml.text("spotInstanceRequestId", format_args!("sir-{:08x}", instance.ordinal));
    }
    xml.option("clientToken", instance.client_token.as_ref());
    tags(xml, instance);
    xml.text("hypervisor", "nitro").text("virtualizationType", "hvm");
    metadata_options(xml, instance);
}

fn tags(xml: &mut Xml, instance: &Ec2Instance) {
    xml.node("tagSet", |xml| {
        for (key, value) in &instance.tags {
            xml.node("item", |xml| {
                xml.text("key", key).text("value", value);
            });
        }
    });
}

fn metadata_options(xml: &mut Xml, instance: &Ec2Instance) {
    let options = &instance.metadata_options;
    xml.node("metadataOptions", |xml| {
        xml.text("state", "applied");
        xml.text("httpTokens", options.http_tokens.as_deref().unwrap_or("optional"));
        xml.text("httpPutResponseHopLimit", options.http_put_response_hop_limit.unwrap_or(1));
        xml.text("httpEndpoint", options.http_endpoint.as_deref().unwrap_or("enabled"));
        xml.text("instanceMetadataTags", options.instance_metadata_tags.as_deref().unwrap_or("disabled"));
    });
}

fn state(xml: &mut Xml, name: &str, state: InstanceState) {
    xml.node(name, |xml| {
        xml.text("code", state.code()).text("name", state.name());
    });
}

/// EC2 writes times with milliseconds, which are always zero.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}
