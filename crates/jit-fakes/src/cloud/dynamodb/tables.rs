//! Making tables, describing them, and their time to live. A table is there as soon as it is made.
//! Not in it: changing and deleting tables, global indexes, provisioned capacity.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::DynamoDb;
use super::error;
use super::input::{self, AttributeDefinition, CreateTable, KeyElement, TableNamed, UpdateTimeToLive};
use super::table::{Key, KeyAttribute, Table};
use super::table_name;
use crate::cloud::error::ApiError;

impl DynamoDb {
    /// Makes a table from the input of CreateTable, as JSON, without a request.
    ///
    /// # Errors
    /// What DynamoDB would say.
    pub fn create_table(&mut self, region: &str, definition: &Json, now: Timestamp) -> Result<(), String> {
        let definition = input::read(definition.to_string().as_bytes()).map_err(|error| error.message)?;
        self.create_table_of(region, definition, now).map(|_| ()).map_err(|error| error.message)
    }

    /// Makes an attribute the end of the items' time to live, without a request.
    ///
    /// # Errors
    /// What DynamoDB would say.
    pub fn set_time_to_live(
        &mut self,
        region: &str,
        table: &str,
        attribute: &str,
        now: Timestamp,
    ) -> Result<(), String> {
        let specification = json!({ "Enabled": true, "AttributeName": attribute });
        let update = json!({ "TableName": table, "TimeToLiveSpecification": specification });
        let update = input::read(update.to_string().as_bytes()).map_err(|error| error.message)?;
        self.update_time_to_live(region, update, now).map(|_| ()).map_err(|error| error.message)
    }

    pub(super) fn create_table_of(
        &mut self,
        region: &str,
        input: CreateTable,
        now: Timestamp,
    ) -> Result<Json, ApiError> {
        check_name(&input.table_name)?;
        if input.billing_mode != "PAY_PER_REQUEST" {
            return Err(error::invalid("this model has tables of billing mode PAY_PER_REQUEST only"));
        }
        let name = (region.to_owned(), input.table_name.clone());
        if self.tables.contains_key(&name) {
            let message = format!("Table already exists: {}", input.table_name);
            return Err(ApiError::bad("ResourceInUseException", message));
        }
        let mut unused: BTreeMap<String, String> = input
            .attribute_definitions
            .iter()
            .map(|AttributeDefinition { attribute_name, attribute_type }| {
                (attribute_name.clone(), attribute_type.clone())
            })
            .collect();
        let kinds = unused.clone();
        let (hash, range) = schema(&input.key_schema, &kinds)?;
        unused.remove(&hash.name);
        unused.retain(|name, _| range.as_ref().is_none_or(|range| range.name != *name));
        let mut indexes = BTreeMap::new();
        for index in &input.local_secondary_indexes {
            let (index_hash, index_range) = schema(&index.key_schema, &kinds)?;
            let (true, Some(index_range)) = (index_hash == hash && range.is_some(), index_range) else {
                let message = "One or more parameter values were invalid: Table KeySchema does not have a range key, \
                               or the index does not have the table's hash key and a range key of its own";
                return Err(error::invalid(message));
            };
            if index.projection != json!({ "ProjectionType": "ALL" }) {
                return Err(error::invalid("this model has indexes of all attributes only"));
            }
            unused.remove(&index_range.name);
            indexes.insert(index.index_name.clone(), index_range);
        }
        if !unused.is_empty() {
            let message =
                "One or more parameter values were invalid: Some AttributeDefinitions are not used.";
            return Err(error::invalid(message));
        }
        let description = self.description(region, &input, now);
        let mut creating = description.clone();
        creating["TableStatus"] = "CREATING".into();
        self.tables.insert(name, Table::new(hash, range, indexes, description));
        Ok(json!({ "TableDescription": creating }))
    }

    fn description(&self, region: &str, input: &CreateTable, now: Timestamp) -> Json {
        let arn = format!("arn:aws:dynamodb:{region}:{}:table/{}", self.account, input.table_name);
        let keys = |schema: &[KeyElement]| -> Vec<Json> {
            let element =
                |e: &KeyElement| json!({ "AttributeName": e.attribute_name, "KeyType": e.key_type });
            schema.iter().map(element).collect()
        };
        let attributes: Vec<Json> = input
            .attribute_definitions
            .iter()
            .map(|d| json!({ "AttributeName": d.attribute_name, "AttributeType": d.attribute_type }))
            .collect();
        let mut description = json!({
            "TableName": input.table_name,
            "TableArn": arn,
            "TableStatus": "ACTIVE",
            "CreationDateTime": now.as_second(),
            "AttributeDefinitions": attributes,
            "KeySchema": keys(&input.key_schema),
            "BillingModeSummary": { "BillingMode": input.billing_mode },
        });
        if !input.local_secondary_indexes.is_empty() {
            let indexes: Vec<Json> = input
                .local_secondary_indexes
                .iter()
                .map(|index| {
                    json!({
                        "IndexName": index.index_name,
                        "IndexArn": format!("{arn}/index/{}", index.index_name),
                        "KeySchema": keys(&index.key_schema),
                        "Projection": index.projection,
                    })
                })
                .collect();
            description["LocalSecondaryIndexes"] = Json::Array(indexes);
        }
        description
    }

    pub(super) fn describe_table(&self, region: &str, input: &TableNamed) -> Result<Json, ApiError> {
        let table = self.table(region, &input.table_name)?;
        let mut description = table.description.clone();
        description["ItemCount"] = table.items().count().into();
        Ok(json!({ "Table": description }))
    }

    pub(super) fn update_time_to_live(
        &mut self,
        region: &str,
        input: UpdateTimeToLive,
        now: Timestamp,
    ) -> Result<Json, ApiError> {
        self.table(region, &input.table_name)?;
        let specification = input.time_to_live_specification;
        let name = (region.to_owned(), table_name(&input.table_name).to_owned());
        let Some(table) = self.tables.get_mut(&name) else { return Err(error::no_table()) };
        if table.time_to_live.is_some() == specification.enabled {
            let state = if specification.enabled { "enabled" } else { "disabled" };
            return Err(error::invalid(format!("TimeToLive is already {state}")));
        }
        table.time_to_live = specification.enabled.then(|| specification.attribute_name.clone());
        let keys: Vec<Key> = table.keys();
        for key in keys {
            self.plan_deletion(&name, &key, now);
        }
        Ok(json!({ "TimeToLiveSpecification": {
            "Enabled": specification.enabled,
            "AttributeName": specification.attribute_name,
        } }))
    }

    pub(super) fn describe_time_to_live(&self, region: &str, input: &TableNamed) -> Result<Json, ApiError> {
        let description = match &self.table(region, &input.table_name)?.time_to_live {
            Some(attribute) => json!({ "TimeToLiveStatus": "ENABLED", "AttributeName": attribute }),
            None => json!({ "TimeToLiveStatus": "DISABLED" }),
        };
        Ok(json!({ "TimeToLiveDescription": description }))
    }
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || "_.-".contains(char);
    if (3..=255).contains(&name.len()) && name.chars().all(is_part) {
        return Ok(());
    }
    Err(error::invalid(
        "TableName must be at least 3 characters long and at most 255 characters long, of a-z, A-Z, 0-9, _, - and .",
    ))
}

/// The hash key, and the range key if there is one.
fn schema(
    elements: &[KeyElement],
    kinds: &BTreeMap<String, String>,
) -> Result<(KeyAttribute, Option<KeyAttribute>), ApiError> {
    let attribute = |element: &KeyElement, key_type: &str| {
        let name = element.attribute_name.clone();
        let kind = kinds.get(&name).filter(|kind| ["S", "N", "B"].contains(&kind.as_str())).cloned();
        let kind = kind.filter(|_| element.key_type == key_type);
        kind.map(|kind| KeyAttribute { name, kind }).ok_or_else(|| {
            error::invalid(
                "One or more parameter values were invalid: Some index key attributes are not defined in AttributeDefinitions, \
                 or the key schema is not a HASH key followed by a RANGE key",
            )
        })
    };
    match elements {
        [hash] => Ok((attribute(hash, "HASH")?, None)),
        [hash, range] => Ok((attribute(hash, "HASH")?, Some(attribute(range, "RANGE")?))),
        _ => Err(error::invalid("1 validation error detected: a key schema has one or two elements")),
    }
}
